package io.github.djlspectral.examples.flow;

/**
 * An orthographic view: the circle as it is, the sphere from the direction of azimuth 30 degrees
 * and elevation 20 degrees, with the third axis upwards.
 *
 * @param right to the right, in [-1, 1]
 * @param up upwards, in [-1, 1]
 * @param depth towards the viewer, in [-1, 1]; 0 on the circle
 */
record SphereView(double right, double up, double depth) {

    private static final double AZIMUTH = Math.toRadians(30);
    private static final double ELEVATION = Math.toRadians(20);

    /** Projects a point of the unit sphere of 2 or 3 dimensions. */
    static SphereView of(double... point) {
        if (point.length == 2) {
            return new SphereView(point[0], point[1], 0);
        }
        double sideways = point[1] * Math.cos(AZIMUTH) - point[0] * Math.sin(AZIMUTH);
        double forward = point[0] * Math.cos(AZIMUTH) + point[1] * Math.sin(AZIMUTH);
        return new SphereView(
                sideways,
                point[2] * Math.cos(ELEVATION) - forward * Math.sin(ELEVATION),
                forward * Math.cos(ELEVATION) + point[2] * Math.sin(ELEVATION));
    }
}
