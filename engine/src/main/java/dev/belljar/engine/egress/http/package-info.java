/** HTTP/1 between a guest and a server, message by message. */
@NullMarked
package dev.belljar.engine.egress.http;

import org.jspecify.annotations.NullMarked;
