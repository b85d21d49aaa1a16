package io.github.djlspectral.optim;

/**
 * A block of which some parameters hold several matrices along their rows, as the query, key and
 * value of an attention layer. {@link ParameterRouting} asks it, so that each is mapped on its own:
 * as one matrix those of small gradients would be held back by the others.
 */
public interface FusedWeights {

    /**
     * Tells how many matrices a parameter holds.
     *
     * @param parameter the name of one of this block's direct parameters
     * @return the number, which divides the rows; 1 for all others
     */
    int matrices(String parameter);
}
