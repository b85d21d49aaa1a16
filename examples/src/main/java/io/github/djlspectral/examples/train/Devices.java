package io.github.djlspectral.examples.train;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.djlspectral.text.BadInputException;

/** Finds the device that {@code --device} names. */
final class Devices {

    private Devices() {}

    /** Requires a name that some machine may have a device for. */
    static void requireName(String name) {
        if (!name.matches("cpu|gpu\\d{0,3}")) {
            throw new BadInputException(
                    "--device is " + name + ", but must be cpu, gpu, or gpu and a number");
        }
    }

    /**
     * Returns a device.
     *
     * @param name {@code cpu}, {@code gpu}, or {@code gpu} and a number
     * @throws BadInputException if there is no such device
     */
    static Device of(String name) {
        requireName(name);
        if (name.equals("cpu")) {
            return Device.cpu();
        }
        Device device = name.equals("gpu") ? Device.gpu() : Device.fromName(name);
        int count = Engine.getEngine("PyTorch").getGpuCount();
        if (device.getDeviceId() >= count) {
            throw new BadInputException(
                    "--device is "
                            + name
                            + ", but PyTorch sees "
                            + count
                            + " GPUs here; use --device cpu");
        }
        return device;
    }
}
