/**
 * A model zoo in a plain folder: trained models are published into it, and any Java program finds
 * them by their coordinates through DJL, in the folder itself or behind a static web server.
 */
package io.github.djlspectral.zoo;
