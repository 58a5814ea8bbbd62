package dev.belljar.engine.egress;

/**
 * What a guest asked to be connected to.
 *
 * @param host a name, or an address in its numeric form
 * @param isName which of them
 * @param port TCP
 */
record EgressTarget(String host, boolean isName, int port) {}
