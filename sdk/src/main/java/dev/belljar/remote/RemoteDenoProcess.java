package dev.belljar.remote;

import dev.belljar.DenoProcess;
import dev.belljar.FetchRequest;
import dev.belljar.FetchResponse;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;

/** A Deno program in a sandbox of a server. */
class RemoteDenoProcess extends RemoteChildProcess implements DenoProcess {
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();

  RemoteDenoProcess(Spawn spawn) {
    super(spawn);
    spawn
        .reply()
        .optionalText("watcherId")
        .ifPresent(
            watcher -> {
              rpc.onRestart(watcher, () -> listeners.forEach(Thread::startVirtualThread));
              afterwards(() -> rpc.forgetWatcher(watcher));
            });
  }

  @Override
  public boolean httpReady() {
    return rpc.call("denoHttpWait", Json.object().put("pid", pid())).flag();
  }

  @Override
  public FetchResponse fetch(FetchRequest request) {
    return RemoteFetch.fetch(rpc, request, OptionalInt.of(pid()));
  }

  @Override
  public void onRestart(Runnable listener) {
    listeners.add(listener);
  }
}
