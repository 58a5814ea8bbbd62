package dev.belljar.cli;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Writes the classes of a jar in the format of Java 8, with the stack maps that this has. picocli's
 * are in that of Java 5, which the JDK keeps out of its cache of classes and verifies in the old,
 * slow way: a tenth of the time that a command takes. The launcher runs this when it has built.
 */
final class NewerClasses {
  private static final ClassFileVersion VERSION = ClassFileVersion.of(ClassFile.JAVA_8_VERSION, 0);

  private NewerClasses() {}

  /** Reads the first jar and writes the second, which has the classes alone. */
  public static void main(String[] args) throws IOException {
    ClassFile classes =
        ClassFile.of(
            ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
            ClassFile.ClassHierarchyResolverOption.of(
                ClassHierarchyResolver.ofResourceParsing(NewerClasses.class.getClassLoader())
                    .orElse(ClassHierarchyResolver.defaultResolver())));
    // Code is copied instruction by instruction: as a whole it would go without its stack maps.
    ClassTransform newer =
        ClassTransform.transformingMethodBodies((code, element) -> code.with(element))
            .andThen(
                (type, element) ->
                    type.with(element instanceof ClassFileVersion ? VERSION : element));
    try (InputStream file = Files.newInputStream(Path.of(args[0]));
        ZipInputStream in = new ZipInputStream(file);
        ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(Path.of(args[1])))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        String name = entry.getName();
        if (name.endsWith(".class") && !name.endsWith("module-info.class")) {
          out.putNextEntry(new ZipEntry(name));
          out.write(classes.transformClass(classes.parse(in.readAllBytes()), newer));
        }
      }
    }
  }
}
