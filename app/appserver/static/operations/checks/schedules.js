/* What runs by the clock: on, and not skipped; and the clocks themselves. */

import { dispatch, finished, JOB } from "../../common/searches.js";
import { isTrue } from "../../common/splunkd.js";
import { doubt, good, holds, number, span, unknown } from "./verdict.js";

const ALERT = "Segment Bridge - Alert - ";
const SKEW_S = 60;

const scheduled = (title, means, isOne) => ({
  title,
  means,
  cure: "Setup page, last step: turn it on. It is off by itself until then.",
  look: ({ searches }) => {
    const those = searches.filter(({ name, cron_schedule }) => cron_schedule && isOne(name));
    const off = those.filter((each) => !isTrue(each.is_scheduled)).map(({ name }) => name.replace(/^Segment Bridge - /, ""));
    return holds(those.length > 0 && !off.length, `yes, ${number(those.length)}`, `off: ${off.join(", ")}`);
  },
});

export const schedules = {
  title: "Schedules and clocks",
  checks: [
    scheduled("The job is scheduled", "It reads and sends.", (name) => name === JOB),
    scheduled("What goes with it is scheduled", "Dead letters are sent again, and gaps are filled, by searches of their own.",
      (name) => name !== JOB && !name.startsWith(ALERT)),
    scheduled("The alerts are scheduled", "They tell of a trouble. Without them, the state of this page knows less, too.",
      (name) => name.startsWith(ALERT)),
    {
      title: "No run was skipped within a day",
      means: "A scheduler that has too much to do skips runs.",
      cure: "Settings > Searches: who runs what at the same minutes? Monitoring Console > Search > Scheduler Activity.",
      look: async () => {
        const { rows } = await finished(await dispatch("Segment Bridge - Operations - Check skipped runs"));
        return rows.length ? doubt(rows.map(({ search, runs, why }) => `${search}: ${number(runs)} times (${why})`).join("; ")) : good("none");
      },
    },
    {
      title: "Splunk's clock agrees with yours",
      means: "Events are found, and sent, by their times.",
      cure: "Have both keep their time by NTP.",
      look: async () => {
        const { rows: [row] } = await finished(await dispatch("Segment Bridge - Operations - Check time"));
        const ahead = Math.abs(row.now - Date.now() / 1000);
        return holds(ahead < SKEW_S, `within ${span(Math.max(1, ahead))}`, `they differ by ${span(ahead)}`, doubt);
      },
    },
    {
      title: "Your time zone",
      means: "Times on this page are in your browser's zone, and times that searches are given in that of your Splunk account. Hours "
        + "of activity are those of UTC.",
      cure: "Account settings in Splunk Web: time zone.",
      look: async () => {
        const { rows: [row] } = await finished(await dispatch("Segment Bridge - Operations - Check time"));
        const minutes = -new Date(row.now * 1000).getTimezoneOffset();
        const [, sign, hours, rest] = /^([+-])(\d\d)(\d\d)$/.exec(row.zone) ?? [];
        const theirs = (sign === "-" ? -1 : 1) * (hours * 60 + Number(rest));
        return holds(theirs === minutes, row.zone, `Splunk's is ${row.zone}, your browser's is another one`, doubt);
      },
    },
    {
      title: "The alerts reach somebody",
      means: "Otherwise they are seen only by who looks at Activity > Triggered Alerts, or here.",
      cure: "Setup page, step 4: an e-mail address.",
      look: ({ searches }) => {
        const alerts = searches.filter(({ name }) => name.startsWith(ALERT));
        if (!alerts.length) {
          return unknown("you may not see them");
        }
        const silent = alerts.filter(({ actions }) => !actions).length;
        return holds(!silent, "each has an action", `${number(silent)} of ${number(alerts.length)} have no action`, doubt);
      },
    },
  ],
};
