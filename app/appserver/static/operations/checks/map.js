/* The user map: how old each cluster's is, and for how many events it has the user. */

import { dispatch, finished } from "../../common/searches.js";
import { bad, doubt, good, holds, number, span, unknown } from "./verdict.js";

const OLD_S = 4 * 3_600;
const MEANS = "Events of users who are not in the map are not sent.";

export const map = {
  title: "The user map",
  checks: [
    {
      title: "Each cluster's user map is fresh",
      means: MEANS,
      cure: "Setup page, step 2: test the cluster; its error says what to do. Help > Operations > The user map is out of date.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check user map"));
        const clusters = rows.filter(({ part }) => part === "cluster");
        return clusters.length ? clusters.map(({ cluster, last_ok, records, error }) => ({
          title: `The user map of ${cluster} is fresh`,
          means: MEANS,
          cure: "Setup page, step 2: test the cluster; its error says what to do. Help > Operations > The user map is out of date.",
          verdict: last_ok && Date.now() / 1000 - last_ok < OLD_S
            ? holds(Number(records) > 0, `${number(records)} users, read ${span(Date.now() / 1000 - last_ok)} ago`, "it is empty")
            : bad(error ?? "no run has succeeded within a day"),
        })) : bad("there is none, and no input has run for a day");
      },
    },
    {
      title: "The users of most events are known",
      means: `${MEANS} Some people use a cluster without having signed up.`,
      cure: "Check whether the map lacks a cluster: see Help > Operations > Many users are not known.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check user map"));
        const { events, without_user } = rows.find(({ part }) => part === "share") ?? {};
        const percent = Math.round(100 * without_user / events);
        return Number(events) ? holds(percent <= 30, `${100 - percent} of 100 within a day`, `only ${100 - percent} of 100 within a day`, doubt)
          : unknown("no events were read within a day");
      },
    },
    {
      title: "The clusters' inputs are on",
      means: "They keep the user map.",
      cure: "Setup page, last step: turn it on.",
      look: async ({ inputs }) => {
        const off = inputs.filter(({ disabled }) => disabled).map(({ name }) => name);
        return inputs.length ? holds(!off.length, inputs.map(({ name }) => name).join(", "), `off: ${off.join(", ")}`) : doubt("there are none");
      },
    },
    {
      title: "The names of events are known",
      means: "Two small lookups have the names that resources and verbs get in Segment.",
      cure: "Reinstall the app, which contains lookups/event_subjects.csv and lookups/event_verbs.csv.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check lookups"));
        return rows[0]?.said.startsWith("known: created") ? good("yes") : bad("no");
      },
    },
  ],
};
