package dev.belljar.bench;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import org.slf4j.LoggerFactory;

/**
 * How long guests took to be given a name, a clock and entropy, as the engine logs it: of making a
 * sandbox of a machine that waited, that is the guest's part.
 */
final class Activations extends AppenderBase<ILoggingEvent> implements AutoCloseable {
  private static final String MESSAGE = "Activated after";

  private final Logger engine = (Logger) LoggerFactory.getLogger("dev.belljar.engine");
  private final Logger all = (Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
  private volatile double lastMillis;

  private Activations() {}

  static Activations listen() {
    Activations listening = new Activations();
    listening.start();
    listening.engine.addAppender(listening);
    listening.engine.setAdditive(false);
    listening.engine.setLevel(Level.DEBUG);
    return listening;
  }

  /** Of the machine that was activated last, in milliseconds. */
  double lastMillis() {
    return lastMillis;
  }

  @Override
  protected void append(ILoggingEvent event) {
    Object[] arguments = event.getArgumentArray();
    if (event.getMessage().startsWith(MESSAGE) && arguments != null) {
      lastMillis = ((Number) arguments[0]).doubleValue() / 1000;
    } else if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
      all.callAppenders(event);
    }
  }

  @Override
  public void close() {
    engine.setLevel(null);
    engine.setAdditive(true);
    engine.detachAppender(this);
    stop();
  }
}
