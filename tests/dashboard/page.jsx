// Shows window.DEFINITION with the components that Splunk Web uses for dashboards. Puts into the page, as JSON, the errors
// that Splunk's schema finds in the definition, and the options that it knows for each of its visualizations.
import { createRoot } from 'react-dom/client';
import SplunkThemeProvider from '@splunk/themes/SplunkThemeProvider';
import DashboardCore from '@splunk/dashboard-core';
import { DashboardContextProvider } from '@splunk/dashboard-context';
import EnterpriseViewOnlyPreset from '@splunk/dashboard-presets/EnterpriseViewOnlyPreset';
import { createSchemaBasedOnPresets } from '@splunk/dashboard-definition';
import { DashboardValidator } from '@splunk/dashboard-validation';

const definition = window.DEFINITION;
const schema = createSchemaBasedOnPresets(EnterpriseViewOnlyPreset);

// The schema expects layouts in the form that Splunk Web gives them when it loads a dashboard: as tabs.
function inTabs({ globalInputs, ...layout }) {
  return { globalInputs, tabs: { items: [{ layoutId: 'one', label: '' }] }, layoutDefinitions: { one: layout } };
}

function problems() {
  const validator = new DashboardValidator();
  validator.setSchema(schema);
  return validator.validate({ ...definition, layout: inTabs(definition.layout) }) || [];
}

function knownOptions() {
  const types = new Set(Object.values(definition.visualizations).map(({ type }) => type));
  const [{ allOf }] = Object.values(schema.properties.visualizations.patternProperties);
  const known = allOf
    .map((rule) => [rule.if.properties.type.const, rule.then.properties.options])
    .filter(([type]) => types.has(type))
    .map(([type, options]) => [type, Object.keys(options.properties).sort()]);
  return Object.fromEntries(known.sort());
}

document.getElementById('findings').textContent = JSON.stringify({ problems: problems(), options: knownOptions() });

createRoot(document.getElementById('root')).render(
  <SplunkThemeProvider family="enterprise" colorScheme={window.THEME} density="comfortable">
    <DashboardContextProvider preset={EnterpriseViewOnlyPreset} initialDefinition={window.SHOWN} initialMode="view">
      <DashboardCore width="100%" height="auto" />
    </DashboardContextProvider>
  </SplunkThemeProvider>,
);
