/* The audit events of the last hour: whether they arrive, on time, untruncated and with bodies, and from which clusters. */

import { dispatch, finished } from "../../common/searches.js";
import { bad, doubt, good, holds, number, span, unknown } from "./verdict.js";

const LATE_S = 3_600;
let asked; // one search answers several checks

const facts = async () => {
  asked ??= dispatch("Segment Bridge - Operations - Check audit events").then((sid) => finished(sid)).then(({ rows }) => rows[0]);
  return asked;
};

/** A check of the search's results; "unknown" if there are no events. */
const ofThem = (look) => async () => {
  const found = await facts();
  return Number(found.events) ? look(found) : unknown("there are no events to check");
};

export const audit = {
  title: "Audit events",
  forget: () => {
    asked = undefined;
  },
  checks: [
    {
      title: "There are audit events from the last hour",
      means: "The app finds user journeys in them. A cluster writes audit events all the time.",
      cure: "Check the search terms on the setup page, step 3, and that your role may search the index. Then check what forwards the events.",
      look: async () => {
        const { events, audit: own, indexes = "none" } = await facts();
        return Number(events) ? holds(Number(own) > 0, `yes, in index ${[indexes].flat().join(", ")}`,
          "there are events, but none has an auditID: they are not audit events") : bad("there are none");
      },
    },
    {
      title: "The events are not truncated",
      means: "A truncated event is no longer valid JSON, so it cannot become a journey, and figures are too low.",
      cure: "On the indexers or heavy forwarders, in props.conf under the events' source type: TRUNCATE = 0.",
      look: ofThem(({ events, whole, cut, longest }) => holds(Number(events) === Number(whole),
        `all of the last ${number(events)}; the longest has ${number(longest)} characters`,
        `${number(events - whole)} of the last ${number(events)} are not JSON; ${number(cut)} have exactly 10,000 characters, TRUNCATE's default`)),
    },
    {
      title: "All events that may be journeys can be read",
      means: "They need the bodies of requests and responses, and log_type.",
      cure: "See Help > Set up by hand > What audit events need.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check unreadable events"));
        return rows.length ? rows.map(({ kind, events, what, cure }) => ({
          title: `All events that may be journeys can be read: ${kind}`, means: `${what}.`, cure: `${cure}.`,
          verdict: bad(`${number(events)} cannot`) })) : good("yes");
      },
    },
    {
      title: "The events arrive on time",
      means: "Events that arrive late are sent late.",
      cure: "Check what forwards the events, and the clocks of the clusters' nodes.",
      look: ofThem(({ late, latest }) => holds(Number(late) < LATE_S && Number(latest) >= 0,
        `95 of 100 within ${span(Math.max(0, late))}`, `95 of 100 within ${span(late)}, the latest after ${span(latest)}`, doubt)),
    },
    {
      title: "The events' clusters are known",
      means: "With several clusters, a namespace or a username counts only in its own cluster.",
      cure: "With one cluster, there is nothing to do. With several, set the macro segment_bridge_cluster: see Help > Set up by hand.",
      look: ofThem(({ clusters }) => (clusters === undefined
        ? good("the macro segment_bridge_cluster names none: all clusters share one user map")
        : good([clusters].flat().join(", ")))),
    },
  ],
};
