package dev.belljar.engine.agent;

/**
 * The frames of the agent protocol, with the largest payload that the host believes
 * (docs/agent-protocol.md, "Frames").
 */
enum FrameType {
  HELLO(1, 8, 8),
  CALL(2, 0, -1),
  RESULT(3, 4, (64 << 10) + 64),
  EXIT(4, 17, 17),
  OPEN(5, 1, 512),
  ACCEPT(6, 0, 0),
  REFUSE(7, 4, 4),
  DATA(8, 1, 64 << 10),
  END(9, 0, 0),
  RESET(10, 4, 4),
  CREDIT(11, 4, 4);

  /** Bytes of length, type, zeros and id before each payload. */
  static final int HEADER = 12;

  /** The largest call that the agent takes. */
  static final int LARGEST_CALL = 4 << 20;

  private static final FrameType[] BY_CODE = new FrameType[12];

  static {
    for (FrameType type : values()) {
      BY_CODE[type.code] = type;
    }
  }

  final int code;
  final int smallest;
  final int largest;

  FrameType(int code, int smallest, int largest) {
    this.code = code;
    this.smallest = smallest;
    this.largest = largest;
  }

  /** The type of a frame that the guest sent, its length checked. */
  static FrameType received(int code, int length) throws ProtocolException {
    FrameType type = code > 0 && code < BY_CODE.length ? BY_CODE[code] : CALL;
    if (type == CALL) {
      throw new ProtocolException("a frame of type " + code);
    }
    if (length < type.smallest || length > type.largest) {
      throw new ProtocolException(
          "a frame of type " + type + " with " + Integer.toUnsignedLong(length) + " bytes");
    }
    return type;
  }
}
