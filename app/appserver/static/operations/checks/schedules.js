/* Whether scheduled searches are on and not skipped; and whether the clocks agree. */

import { dispatch, finished, JOB } from "../../common/searches.js";
import { isTrue } from "../../common/splunkd.js";
import { doubt, good, holds, number, span } from "./verdict.js";

const ALERT = "Segment Bridge - Alert - ";
const SKEW_S = 60;

const scheduled = (title, means, isOne) => ({
  title,
  means,
  cure: "Setup page, last step: turn it on. It ships turned off.",
  look: ({ searches }) => {
    const those = searches.filter(({ name, cron_schedule }) => cron_schedule && isOne(name));
    const off = those.filter((each) => !isTrue(each.is_scheduled)).map(({ name }) => name.replace(/^Segment Bridge - /, ""));
    return holds(those.length > 0 && !off.length, `yes, ${number(those.length)}`, `off: ${off.join(", ")}`);
  },
});

export const schedules = {
  title: "Schedules and clocks",
  checks: [
    scheduled("The job is scheduled", "It reads audit events and sends user journeys.", (name) => name === JOB),
    scheduled("The other searches are scheduled", "They send dead letters again, fill gaps, and check destinations.",
      (name) => name !== JOB && !name.startsWith(ALERT)),
    scheduled("The alerts are scheduled", "They report troubles. Without them, the state on this page is less complete, too.",
      (name) => name.startsWith(ALERT)),
    {
      title: "No run was skipped in the last day",
      means: "An overloaded scheduler skips runs.",
      cure: "Check which searches run at the same time: Monitoring Console > Search > Scheduler Activity.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check skipped runs"));
        return rows.length ? doubt(rows.map(({ search, runs, why }) => `${search}: ${number(runs)} times (${why})`).join("; ")) : good("none");
      },
    },
    {
      title: "Splunk's clock agrees with yours",
      means: "The app finds and sends events by their times.",
      cure: "Synchronise both clocks by NTP.",
      look: async () => {
        const { rows: [row] } = await finished(await dispatch("Segment Bridge - Operations - Check time"));
        const ahead = Math.abs(row.now - Date.now() / 1000);
        return holds(ahead < SKEW_S, `within ${span(Math.max(1, ahead))}`, `they differ by ${span(ahead)}`, doubt);
      },
    },
    {
      title: "Your time zone",
      means: "This page shows times in your browser's zone, but searches use the zone of your Splunk account. Hours of activity are in "
        + "UTC.",
      cure: "Account settings in Splunk Web: time zone.",
      look: async () => {
        const { rows: [row] } = await finished(await dispatch("Segment Bridge - Operations - Check time"));
        const minutes = -new Date(row.now * 1000).getTimezoneOffset();
        const [, sign, hours, rest] = /^([+-])(\d\d)(\d\d)$/.exec(row.zone) ?? [];
        const theirs = (sign === "-" ? -1 : 1) * (hours * 60 + Number(rest));
        return holds(theirs === minutes, row.zone, `Splunk's is ${row.zone}, your browser's is different`, doubt);
      },
    },
    {
      title: "The alerts have actions",
      means: "Otherwise people see them only on this page and under Activity > Triggered Alerts.",
      cure: "Setup page, step 4: enter an e-mail address.",
      look: ({ searches }) => {
        const alerts = searches.filter(({ name }) => name.startsWith(ALERT));
        const silent = alerts.filter(({ actions }) => !actions).length;
        return holds(!silent, "each has an action", `${number(silent)} of ${number(alerts.length)} have no action`, doubt);
      },
    },
  ],
};
