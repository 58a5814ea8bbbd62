/** What a sandbox does, wherever it runs: the same tests for this host and for a server. */
@NullMarked
package dev.belljar.server.contract;

import org.jspecify.annotations.NullMarked;
