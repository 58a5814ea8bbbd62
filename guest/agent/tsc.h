// --tsc: the frequency of the processor's time stamp counter.
#pragma once

/** Prints it in kHz; the exit code. */
int tsc_print(void);
