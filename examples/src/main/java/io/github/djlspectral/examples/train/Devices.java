package io.github.djlspectral.examples.train;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.djlspectral.examples.data.BadInputException;

/** Finds the device that {@code --device} names. */
final class Devices {

    private Devices() {}

    /**
     * Returns a device.
     *
     * @param name {@code cpu}, {@code gpu}, or {@code gpu} and a number
     * @throws BadInputException if there is no such device
     */
    static Device of(String name) {
        Device device =
                switch (name) {
                    case "cpu" -> Device.cpu();
                    case "gpu" -> Device.gpu();
                    default -> Device.fromName(name);
                };
        int count = Engine.getEngine("PyTorch").getGpuCount();
        if (device.isGpu() && device.getDeviceId() >= count) {
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
