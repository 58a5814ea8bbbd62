package dev.belljar.engine;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Dependencies point downwards only (docs/design.md, "Modules"). */
class ArchitectureTest {
  private static final String ENGINE = "dev.belljar.engine";

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.belljar");

  @ParameterizedTest
  @CsvSource({
    "agent, ''",
    "storage, ''",
    "streams, ''",
    "pool, ''",
    "egress, agent streams",
    "volumes, storage",
    "vmm, agent storage",
    "image, storage",
    "template, vmm image agent storage",
    "fetch, ''",
    "deno, fetch streams"
  })
  void aPackageOfTheEngineDependsOnlyOnThoseBelowIt(String name, String below) {
    DescribedPredicate<JavaClass> allowed = resideInAPackage(ENGINE + "." + name + "..");
    for (String lower : below.isEmpty() ? new String[0] : below.split(" ", -1)) {
      allowed = allowed.or(resideInAPackage(ENGINE + "." + lower + ".."));
    }
    noClasses()
        .that()
        .resideInAPackage(ENGINE + "." + name + "..")
        .should()
        .dependOnClassesThat(resideInAPackage(ENGINE + "..").and(DescribedPredicate.not(allowed)))
        .check(CLASSES);
  }

  @Test
  void packagesOfTheEngineHaveNoCycles() {
    slices().matching(ENGINE + ".(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void theSdkNamesNoTypeOfTheEngine() {
    noClasses()
        .that(resideInAnyPackage("dev.belljar", "dev.belljar.spi"))
        .should()
        .dependOnClassesThat(resideInAPackage(ENGINE + ".."))
        .check(CLASSES);
  }

  @Test
  void thePublicApiUsesOnlyTheJdkAndItself() {
    classes()
        .that(resideInAnyPackage("dev.belljar", "dev.belljar.spi"))
        .and()
        .arePublic()
        .should(nameOnly(resideInAnyPackage("java..", "dev.belljar", "dev.belljar.spi")))
        .check(CLASSES);
  }

  @Test
  void onlyTheProviderOfTheEngineIsPublic() {
    classes()
        .that()
        .resideInAPackage(ENGINE)
        .and()
        .implement(dev.belljar.spi.SandboxProvider.class)
        .should()
        .bePublic()
        .check(CLASSES);
    noClasses()
        .that()
        .resideInAPackage(ENGINE)
        .and()
        .haveSimpleNameStartingWith("Local")
        .and()
        .doNotImplement(dev.belljar.spi.SandboxProvider.class)
        .should()
        .bePublic()
        .check(CLASSES);
  }

  private static ArchCondition<JavaClass> nameOnly(DescribedPredicate<JavaClass> known) {
    return new ArchCondition<>("name only the JDK and the API in what is public") {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        type.getFields().stream()
            .filter(field -> field.getModifiers().contains(JavaModifier.PUBLIC))
            .forEach(field -> field.getAllInvolvedRawTypes().forEach(t -> check(field, t, events)));
        for (JavaCodeUnit unit : type.getCodeUnits()) {
          if (unit.getModifiers().contains(JavaModifier.PUBLIC)) {
            unit.getAllInvolvedRawTypes().forEach(named -> check(unit, named, events));
            unit.getExceptionTypes().forEach(named -> check(unit, named, events));
          }
        }
      }

      private void check(Object member, JavaClass named, ConditionEvents events) {
        JavaClass base = named.getBaseComponentType();
        if (!base.isPrimitive()
            && !(known.test(base) && base.getModifiers().contains(JavaModifier.PUBLIC))) {
          events.add(SimpleConditionEvent.violated(member, member + " names " + named.getName()));
        }
      }
    };
  }
}
