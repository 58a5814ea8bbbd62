package dev.belljar;

/**
 * Something found by {@link SandboxFs#walk} or {@link SandboxFs#expandGlob}.
 *
 * @param path the path, beginning as the root of the walk was given
 * @param entry its name and type
 */
public record WalkEntry(String path, DirEntry entry) {}
