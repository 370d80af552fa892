/* The permissions of the user who runs the checks. */

import { get } from "../../common/splunkd.js";
import { holds } from "./verdict.js";

const capability = (name, means) => ({
  title: `You have the capability ${name}`,
  means,
  cure: "Run the checks as an administrator, or give your role the capability: Settings > Roles.",
  look: ({ user }) => holds(user.capabilities.includes(name), "yes", "no"),
});

export const rights = {
  title: "Your permissions",
  checks: [
    capability("run_custom_command", "Without it, you cannot run segmentsend."),
    capability("segment_bridge_send", "Without it, the app lends you no write key, and you cannot send dead letters again."),
    capability("edit_modinput_usersignups", "Without it, you cannot create or change the inputs that keep the user map."),
    capability("list_storage_passwords", "Without it, the setup page does not know which secrets are saved."),
    capability("edit_storage_passwords", "Without it, you cannot save write keys and tokens."),
    capability("schedule_search", "Without it, you cannot turn the app on or off."),
    {
      title: "You may change the app",
      means: "You need write permission for the app to change its settings, macros and searches.",
      cure: "Use the role admin (in Splunk Cloud: sc_admin), or get write permission: Apps > Manage Apps > Permissions.",
      look: async () => {
        const { entry: [{ acl }] } = await get("apps/local/segment_bridge");
        return holds(acl.can_write, "yes", "no");
      },
    },
  ],
};
