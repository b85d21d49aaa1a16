package io.github.djlspectral.examples.bench;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says where the result of a JMH benchmark goes in the report. On a class it holds for all of its
 * benchmark methods; what a method's own says goes first, element by element.
 *
 * <p>In every text <code>{name}</code> stands for the value of the JMH parameter of that name;
 * constants of enums become words: {@code RESIDUAL_FOLD} is "residual fold".
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
public @interface Compared {

    /**
     * The table.
     *
     * @return one suite, or none for that of the class
     */
    Suite[] suite() default {};

    /**
     * What is done: the same words mean that times can be compared.
     *
     * @return such as "{shape}"; empty for that of the class
     */
    String subject() default "";

    /**
     * Who does it.
     *
     * @return such as "Muon"; empty for that of the class
     */
    String contender() default "";

    /**
     * The contenders whose time this one's is divided by; those not measured are left out.
     *
     * @return labels of contenders for the same subject
     */
    String[] against() default {};

    /**
     * What a quick run measures.
     *
     * @return a regular expression for the whole subject; empty for that of the class, or for every
     *     subject
     */
    String quick() default "";
}
