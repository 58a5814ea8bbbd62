/** What operators see: metrics and the audit log. */
@NullMarked
package dev.belljar.server.observe;

import org.jspecify.annotations.NullMarked;
