package dev.belljar.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The server stands on the SDK; its packages stand on each other without cycles. */
class ArchitectureTest {
  private static final String SERVER = "dev.belljar.server";

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(SERVER);

  @Test
  void packagesHaveNoCycles() {
    slices().matching(SERVER + ".(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void theServerKnowsNoEngineAndNoClient() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("dev.belljar.engine..", "dev.belljar.remote..", "dev.belljar.cli..")
        .check(CLASSES);
  }

  @Test
  void whatIsBelowDoesNotKnowWhatIsAbove() {
    noClasses()
        .that()
        .resideInAnyPackage(SERVER + ".store..", SERVER + ".observe..", SERVER + ".sandboxes..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(SERVER + ".rpc..", SERVER + ".api..", SERVER)
        .check(CLASSES);
  }
}
