// The time, which stands still during a call.

import * as host from "#host";

export function now() {
  return host.clock.now();
}
