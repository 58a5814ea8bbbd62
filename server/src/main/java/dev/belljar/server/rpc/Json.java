package dev.belljar.server.rpc;

import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/** How JSON of this protocol is read and written. */
final class Json {
  /** Deeper than any message needs; bounds the stack. */
  private static final int MAX_DEPTH = 256;

  static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxStringLength(RpcSocket.LARGEST_MESSAGE)
                          .maxNumberLength(100)
                          .build())
                  .build())
          .build();

  static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private Json() {}
}
