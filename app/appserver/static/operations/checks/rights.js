/* What whoever looks may do. */

import { get } from "../../common/splunkd.js";
import { holds } from "./verdict.js";

const capability = (name, means) => ({
  title: `You have the capability ${name}`,
  means,
  cure: "Look as an administrator, or give your role the capability: Settings > Roles.",
  look: ({ user }) => holds(user.capabilities.includes(name), "yes", "no"),
});

export const rights = {
  title: "Your rights",
  checks: [
    capability("run_custom_command", "Without it, segmentsend does not run for you."),
    capability("segment_bridge_send", "Without it, the app lends you no write key, and you cannot send dead letters again."),
    capability("edit_modinput_usersignups", "Without it, you cannot make or change the inputs that keep the user map."),
    capability("list_storage_passwords", "Without it, the setup page does not know which secrets are saved."),
    capability("edit_storage_passwords", "Without it, you cannot save write keys and tokens."),
    capability("schedule_search", "Without it, you cannot turn the app on or off."),
    {
      title: "You may change the app",
      means: "Settings, macros and searches of the app are changed with write permission for it.",
      cure: "It takes the role admin (in Splunk Cloud: sc_admin), or write permission: Apps > Manage Apps > Permissions.",
      look: async () => {
        const { entry: [{ acl }] } = await get("apps/local/segment_bridge");
        return holds(acl.can_write, "yes", "no");
      },
    },
  ],
};
