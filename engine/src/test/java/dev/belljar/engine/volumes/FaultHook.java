package dev.belljar.engine.volumes;

import java.util.function.Consumer;

/** Has something done at every {@link FaultPoint} of this process until it is closed. */
public final class FaultHook implements AutoCloseable {

  /** From now on. */
  public FaultHook(Consumer<FaultPoint> fault) {
    FaultPoint.at(fault);
  }

  @Override
  public void close() {
    FaultPoint.at(point -> {});
  }
}
