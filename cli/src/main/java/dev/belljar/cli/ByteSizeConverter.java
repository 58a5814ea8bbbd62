package dev.belljar.cli;

import dev.belljar.ByteSize;
import dev.belljar.InvalidOptionException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads sizes as {@link ByteSize#parse} does. */
final class ByteSizeConverter implements ITypeConverter<ByteSize> {
  @Override
  public ByteSize convert(String text) {
    try {
      return ByteSize.parse(text);
    } catch (InvalidOptionException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
