package dev.belljar.server.sandboxes;

/**
 * Codes that sockets are closed with (RFC 6455, section 7.4.1; 4000 and 4001 are the protocol's
 * own).
 */
public final class Closing {
  /** The sandbox has ended. */
  public static final int NORMAL = 1000;

  /** The server is going away. */
  public static final int GOING_AWAY = 1001;

  /** A binary message. */
  public static final int UNSUPPORTED_DATA = 1003;

  /** Text that is not UTF-8. */
  public static final int INVALID_TEXT = 1007;

  /** More than a client may have under way. */
  public static final int POLICY = 1008;

  /** A message over the limit. */
  public static final int TOO_BIG = 1009;

  /** The server failed. */
  public static final int INTERNAL_ERROR = 1011;

  /** The server has no memory left for this message. */
  public static final int TRY_AGAIN_LATER = 1013;

  /** A message that is not JSON. */
  public static final int INVALID_JSON = 4000;

  /** JSON that is not JSON-RPC. */
  public static final int INVALID_JSON_RPC = 4001;

  private Closing() {}
}
