/** Training on Apache Spark, which the application brings: {@code spark-core_2.13}, version 4. */
package io.github.djlspectral.spark;
