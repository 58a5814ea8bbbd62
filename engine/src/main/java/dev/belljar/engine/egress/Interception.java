package dev.belljar.engine.egress;

import dev.belljar.engine.egress.secrets.SandboxSecrets;
import dev.belljar.engine.egress.tls.SandboxAuthority;
import dev.belljar.engine.egress.tls.ServerTrust;

/**
 * What it takes to put a sandbox's secrets into its requests.
 *
 * @param secrets by host
 * @param authority whom the guest believes about those hosts
 * @param trust whom this host believes about them
 */
public record Interception(SandboxSecrets secrets, SandboxAuthority authority, ServerTrust trust) {

  boolean concerns(EgressTarget target) {
    return target.isName() && secrets.concern(target.host(), target.port());
  }
}
