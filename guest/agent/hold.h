// A machine that was saved while its channel was held may wake with another host.
#pragma once

/** Gives up what the last host had open. Programs go on: their output is read and dropped. */
void forget_host(void);
