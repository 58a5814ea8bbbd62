/**
 * Asks a model for a program and runs it in a sandbox: the task that Belljar was made for.
 *
 * <p>{@link dev.belljar.examples.untrustedcode.UntrustedCode} is the example to copy; {@link
 * dev.belljar.examples.untrustedcode.Demo} runs it where a key or the way to CoinGecko is missing.
 */
@NullMarked
package dev.belljar.examples.untrustedcode;

import org.jspecify.annotations.NullMarked;
