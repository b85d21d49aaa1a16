package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;

/**
 * An array's place in a safetensors file.
 *
 * @param type the format's name of the numbers' type
 * @param shape the shape
 * @param begin the first byte, counted from the end of the header
 * @param end the byte after the last
 */
record TensorEntry(String type, Shape shape, long begin, long end) {}
