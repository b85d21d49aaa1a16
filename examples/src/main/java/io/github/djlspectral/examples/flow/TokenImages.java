package io.github.djlspectral.examples.flow;

import io.github.djlspectral.examples.experiment.Plot;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/** Writes tokens as a row of snapshots and as an animation. */
final class TokenImages {

    private static final int SNAPSHOTS = 4;
    private static final int SNAPSHOT_SIZE = 320;
    private static final int FRAMES = 100;
    private static final int FRAME_SIZE = 360;
    private static final int CENTISECONDS = 6;

    private TokenImages() {}

    /** Writes a PNG file of a few records, evenly spaced. */
    static void writeSnapshots(TokenTrack track, Path path) {
        Plot.draw(path, () -> snapshots(track));
    }

    private static byte[] snapshots(TokenTrack track) throws IOException {
        int[] records = track.evenly(SNAPSHOTS);
        BufferedImage image =
                new BufferedImage(
                        records.length * SNAPSHOT_SIZE, SNAPSHOT_SIZE, BufferedImage.TYPE_INT_RGB);
        Graphics2D g = image.createGraphics();
        TokenPicture picture = new TokenPicture(track, SNAPSHOT_SIZE);
        for (int i = 0; i < records.length; i++) {
            picture.draw(g, i * SNAPSHOT_SIZE, 0, records[i]);
        }
        g.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }

    /** Writes an endless GIF file of all records, or of evenly spaced ones if they are many. */
    static void writeAnimation(TokenTrack track, Path path) {
        Plot.draw(path, () -> animation(track));
    }

    private static byte[] animation(TokenTrack track) throws IOException {
        BufferedImage image =
                new BufferedImage(FRAME_SIZE, FRAME_SIZE, BufferedImage.TYPE_BYTE_INDEXED);
        Graphics2D g = image.createGraphics();
        TokenPicture picture = new TokenPicture(track, FRAME_SIZE);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
            writer.setOutput(stream);
            writer.prepareWriteSequence(null);
            for (int record : track.evenly(FRAMES)) {
                picture.draw(g, 0, 0, record);
                writer.writeToSequence(new IIOImage(image, null, frame(writer, image)), null);
            }
            writer.endWriteSequence();
        } finally {
            writer.dispose();
            g.dispose();
        }
        return bytes.toByteArray();
    }

    /** How a frame is shown: for how long, and that the first follows the last. */
    private static IIOMetadata frame(ImageWriter writer, BufferedImage image) throws IOException {
        IIOMetadata metadata = writer.getDefaultImageMetadata(new ImageTypeSpecifier(image), null);
        String format = metadata.getNativeMetadataFormatName();
        IIOMetadataNode root = new IIOMetadataNode(format);
        IIOMetadataNode control = new IIOMetadataNode("GraphicControlExtension");
        control.setAttribute("disposalMethod", "none");
        control.setAttribute("userInputFlag", "FALSE");
        control.setAttribute("transparentColorFlag", "FALSE");
        control.setAttribute("delayTime", Integer.toString(CENTISECONDS));
        control.setAttribute("transparentColorIndex", "0");
        root.appendChild(control);
        IIOMetadataNode loop = new IIOMetadataNode("ApplicationExtension");
        loop.setAttribute("applicationID", "NETSCAPE");
        loop.setAttribute("authenticationCode", "2.0");
        loop.setUserObject(new byte[] {1, 0, 0}); // sub-block 1: repeat 0 times, which is for ever
        IIOMetadataNode extensions = new IIOMetadataNode("ApplicationExtensions");
        extensions.appendChild(loop);
        root.appendChild(extensions);
        metadata.mergeTree(format, root);
        return metadata;
    }
}
