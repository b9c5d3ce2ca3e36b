import type { Broker } from "./broker.ts";

/**
 * For how long this process could have heard whatever there was to hear. A deadline that waits for news counts from there: the
 * time in which none could come is nobody's fault.
 */
export interface Contact {
  /**
   * Since when, ms since the epoch; undefined while the broker is away or asks publishers to pause. Begins anew after either,
   * and when nobody has asked for 10 s: then the process has just begun to care, or it or its machine stood still, or the
   * clock was set. So whoever needs it asks every few seconds.
   */
  since(): number | undefined;
  /** Takes this broker for the one that news come from. */
  follow(broker: Pick<Broker, "connected" | "publishable" | "onStateChange">): void;
}

const pauseMaxMs = 10_000;

/** Creates the contact of a process that has none yet. */
export function createContact(options: { readonly now: () => number }): Contact {
  const { now } = options;
  let isThere = false;
  let sinceTime = 0;
  let askedTime: number | undefined;

  return {
    since() {
      const time = now();
      const isNew = askedTime === undefined || time < askedTime || time - askedTime > pauseMaxMs;
      if (isNew) sinceTime = time;
      askedTime = time;
      return isThere ? sinceTime : undefined;
    },
    follow(broker) {
      const look = () => {
        const wasThere = isThere;
        isThere = broker.connected && broker.publishable;
        if (isThere && !wasThere) sinceTime = now();
      };
      broker.onStateChange(look);
      look();
    },
  };
}
