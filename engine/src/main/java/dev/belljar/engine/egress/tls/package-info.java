/**
 * TLS as guests speak it: what they say first, and both of its ends where a secret goes through.
 */
@NullMarked
package dev.belljar.engine.egress.tls;

import org.jspecify.annotations.NullMarked;
