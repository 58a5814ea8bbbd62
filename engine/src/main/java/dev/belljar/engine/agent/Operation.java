package dev.belljar.engine.agent;

/** What the agent does when called (docs/agent-protocol.md, "Operations"). */
enum Operation {
  ACTIVATE(1),
  PING(2),
  STATS(3),
  SHUTDOWN(4),
  MOUNT(5),
  UNMOUNT(6),
  SYNC(7),
  ATTACH(8),
  FREEZE(9),
  THAW(10),
  HOLD(11),
  RELEASE(12),
  CLOCK(13),
  SPAWN(16),
  KILL(17),
  RESIZE(18),
  STAT(32),
  READ_DIR(33),
  MAKE_DIR(34),
  REMOVE(35),
  RENAME(36),
  CHMOD(37),
  CHOWN(38),
  LINK(39),
  SYMLINK(40),
  READ_LINK(41),
  REAL_PATH(42),
  TRUNCATE(43),
  UTIME(44),
  COPY_FILE(45),
  MAKE_TEMP(46),
  READ_FILE(47),
  WRITE_FILE(48),
  STAT_FS(49),
  FILE_OPEN(64),
  FILE_CLOSE(65),
  FILE_READ(66),
  FILE_WRITE(67),
  FILE_SEEK(68),
  FILE_STAT(69),
  FILE_SYNC(70),
  FILE_TRUNCATE(71),
  FILE_UTIME(72),
  FILE_LOCK(73),
  FILE_UNLOCK(74);

  final int code;

  Operation(int code) {
    this.code = code;
  }
}
