package dev.belljar;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FileSystemOperationExceptionTest {

  @ParameterizedTest
  @CsvSource({
    "1, EPERM, PermissionDeniedException",
    "2, ENOENT, NotFoundException",
    "9, EBADF, BadResourceException",
    "13, EACCES, PermissionDeniedException",
    "17, EEXIST, AlreadyExistsException",
    "20, ENOTDIR, NotADirectoryException",
    "21, EISDIR, IsADirectoryException",
    "28, ENOSPC, StorageFullException",
    "39, ENOTEMPTY, DirectoryNotEmptyException",
    "40, ELOOP, FilesystemLoopException",
    "122, EDQUOT, StorageFullException",
    "7, E2BIG, FileSystemOperationException",
    "22, EINVAL, FileSystemOperationException",
    "36, ENAMETOOLONG, FileSystemOperationException"
  })
  void anErrnoBecomesTheExceptionThatProgramsActOn(int errno, String code, String type) {
    FileSystemOperationException made = FileSystemOperationException.of(errno, "stat '/x'");
    assertThat(made.getClass().getSimpleName()).isEqualTo(type);
    assertThat(made.code()).isEqualTo(code);
    assertThat(made.errno()).isEqualTo(errno);
  }

  @Test
  void theWordingIsDenos() {
    assertThat(FileSystemOperationException.of(2, "stat '/x'"))
        .hasMessage("No such file or directory (os error 2): stat '/x'");
  }

  @Test
  void anUnknownErrnoKeepsItsNumber() {
    FileSystemOperationException made = FileSystemOperationException.of(4095, "stat '/x'");
    assertThat(made.code()).isEqualTo("EUNKNOWN");
    assertThat(made.errno()).isEqualTo(4095);
    assertThat(made).hasMessageContaining("(os error 4095)");
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "UNKNOWN")
  void everyKnownErrnoHasTheCodeOfItsName(Errno errno) {
    assertThat(errno.code()).isEqualTo(errno.name());
    assertThat(errno.text()).isNotBlank();
  }

  @Test
  void noTwoErrnosShareANumber() {
    for (Errno errno : Errno.values()) {
      int matches = 0;
      for (int number = 0; number < 200; number++) {
        matches += Errno.of(number) == errno ? 1 : 0;
      }
      assertThat(matches).as(errno.name()).isPositive();
      if (errno != Errno.UNKNOWN) {
        assertThat(matches).as(errno.name()).isEqualTo(1);
      }
    }
  }
}
