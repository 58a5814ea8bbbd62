package dev.belljar.engine;

import dev.belljar.Sandbox;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** All of a guest's memory, as its root can read it: of the kernel and of every process. */
final class GuestMemory {
  /** How much of a text the search itself has in memory; the rest of it is known by its hash. */
  private static final int PREFIX = 10;

  private static final String SEARCH =
      """
      import hashlib
      wanted = [(w[:10].encode(), int(w[10:14]), w[14:]) for w in sys.argv[1:]]
      found, total = set(), 0

      def ranges(core):
          head = core.read(64)
          at, count = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0]
          core.seek(at)
          table = core.read(56 * count)
          for i in range(count):
              kind, _, offset, virtual, physical, size, _, _ = struct.unpack_from("<IIQQQQQQ", table, 56 * i)
              if kind == 1 and physical < 1 << 40 and virtual < 0xffffffff80000000: yield offset, size

      with open("/proc/kcore", "rb", 0) as core:
          for offset, size in list(ranges(core)):
              core.seek(offset)
              while size > 0:
                  part = core.read(min(size, 8 << 20))
                  if not part: break
                  size -= len(part)
                  total += len(part)
                  for prefix, length, digest in wanted:
                      i = part.find(prefix)
                      while i >= 0:
                          if hashlib.sha256(part[i:i + length]).hexdigest() == digest: found.add(digest)
                          i = part.find(prefix, i + 1)
      print(total)
      for digest in found: print(digest)
      """;

  private GuestMemory() {}

  /** Which of the texts are somewhere in it. */
  static Set<String> found(Sandbox sandbox, List<String> texts) {
    List<String> wanted = new ArrayList<>();
    for (String text : texts) {
      wanted.add(text.substring(0, PREFIX) + "%04d".formatted(text.length()) + hash(text));
    }
    List<String> lines = GuestRoot.python(sandbox, SEARCH, wanted.toArray()).lines().toList();
    if (Long.parseLong(lines.getFirst()) < 1_000_000_000) {
      throw new AssertionError("only " + lines.getFirst() + " bytes of memory were seen");
    }
    Set<String> found = new LinkedHashSet<>();
    texts.stream().filter(text -> lines.contains(hash(text))).forEach(found::add);
    return found;
  }

  private static String hash(String text) {
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
