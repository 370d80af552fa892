/* Rules for the JavaScript of the app's pages: mistakes, consistency, and keeping data out of markup. Comments in a file
   cannot switch them off. */
const js = require("@eslint/js");
const globals = require("globals");

/* Everything that a page shows becomes text nodes and attributes: see app/appserver/static/common/dom.js. */
const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "setHTMLUnsafe", "createContextualFragment", "srcdoc"];
const markup = (property) => ({ property, message: "Data must not become markup: create elements and text nodes." });

module.exports = [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      "consistent-return": "error",
      "curly": "error",
      "eqeqeq": "error",
      "no-alert": "error",
      "no-console": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-script-url": "error",
      "no-shadow": "error",
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-useless-concat": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "no-restricted-properties": ["error", { object: "document", property: "write" }, ...MARKUP.map(markup)],
      /* The current maximum: limits to lower, not to raise. */
      "complexity": ["error", 18],
      "max-depth": ["error", 3],
      "max-lines": ["error", 400],
      "max-nested-callbacks": ["error", 4],
      "max-params": ["error", 5],
    },
  },
  /* Splunk Web loads these with its own <script>, not as modules. */
  { files: ["app/appserver/static/load.js"], languageOptions: { sourceType: "script" } },
];
