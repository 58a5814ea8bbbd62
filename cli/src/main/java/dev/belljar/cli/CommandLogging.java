package dev.belljar.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows what the engine logs as plain lines on standard error, without stack traces. Code instead
 * of a logback.xml, because reading XML would be a fifth of the time that a command takes to start.
 */
public final class CommandLogging extends ContextAwareBase implements Configurator {
  /** Whoever embeds Belljar can route it; here it is for {@code --verbose}. */
  private static final String AUDIT = "dev.belljar.audit";

  /** What the engine says about the host as a whole, for example that it emulates in software. */
  private static final String NOTES = "dev.belljar.engine";

  /** Whom the server works for as it logs; who is not known has no name. */
  private static final List<String> CLIENT = List.of("organization", "token", "trace");

  private static volatile Target target =
      new Target(event -> System.err.println(event.getFormattedMessage()), Detail.WARNINGS);

  /** How much is shown; each includes those before it. */
  enum Detail {
    ERRORS,
    WARNINGS,
    /** What is worth knowing about this host, although nothing is wrong. */
    NOTES,
    /** Every connection that leaves a sandbox. */
    AUDIT
  }

  private record Target(Consumer<ILoggingEvent> lines, Detail detail) {}

  /** Made by Logback, which finds this class as a service. */
  public CommandLogging() {}

  /** Shows what is logged from now on there. */
  static void to(StandardStreams streams, Detail detail) {
    target = new Target(event -> streams.say(event.getFormattedMessage()), detail);
  }

  /**
   * Shows all of it as a server's log: one line for each event, with time, level, logger and who
   * asked; as text or as JSON.
   */
  static void toLog(StandardStreams streams, boolean json) {
    if (!json) {
      target = new Target(event -> streams.err().println(line(event)), Detail.AUDIT);
      return;
    }
    var encoder = new JsonEncoder();
    encoder.setWithFormattedMessage(true);
    encoder.setWithMessage(false);
    encoder.setWithArguments(false);
    encoder.setWithSequenceNumber(false);
    encoder.setWithNanoseconds(false);
    encoder.setWithContext(false);
    encoder.setContext((LoggerContext) LoggerFactory.getILoggerFactory());
    encoder.start();
    target =
        new Target(
            event -> {
              byte[] line = encoder.encode(event);
              streams.err().write(line, 0, line.length);
              streams.err().flush();
            },
            Detail.AUDIT);
  }

  private static String line(ILoggingEvent event) {
    var line =
        new StringBuilder()
            .append(event.getInstant())
            .append(' ')
            .append(event.getLevel())
            .append(' ')
            .append(event.getLoggerName())
            .append(' ')
            .append(event.getFormattedMessage());
    for (String name : CLIENT) {
      String value = event.getMDCPropertyMap().get(name);
      if (value != null) {
        line.append(' ').append(name).append('=').append(value);
      }
    }
    IThrowableProxy failure = event.getThrowableProxy();
    if (failure != null) {
      line.append('\n').append(ThrowableProxyUtil.asString(failure).stripTrailing());
    }
    return line.toString();
  }

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    var appender =
        new AppenderBase<ILoggingEvent>() {
          @Override
          protected void append(ILoggingEvent event) {
            show(event);
          }
        };
    appender.setContext(context);
    appender.start();
    context.getLogger(Logger.ROOT_LOGGER_NAME).setLevel(Level.WARN);
    context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(appender);
    context.getLogger(AUDIT).setLevel(Level.INFO);
    // It warns of each database that is newer than itself.
    context.getLogger("org.flywaydb").setLevel(Level.ERROR);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static void show(ILoggingEvent event) {
    Target to = target;
    Detail needed;
    if (event.getLoggerName().startsWith(AUDIT)) {
      needed = Detail.AUDIT;
    } else if (event.getLevel().isGreaterOrEqual(Level.ERROR)) {
      needed = Detail.ERRORS;
    } else {
      needed = event.getLoggerName().equals(NOTES) ? Detail.NOTES : Detail.WARNINGS;
    }
    if (to.detail.compareTo(needed) >= 0) {
      to.lines.accept(event);
    }
  }
}
