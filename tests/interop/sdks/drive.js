// Calls SaladCloud's SDK as told: one {"service", "method", "arguments"} a line, one {"data"} or {"error"} a line back.
const { createInterface } = require("node:readline");
const { SaladCloudSdk } = require("@saladtechnologies-oss/salad-cloud-sdk");

const sdk = new SaladCloudSdk({
  baseUrl: process.env.API_URL,
  apiKey: process.env.API_KEY,
  validation: { responseValidation: true },
});

async function answer(line) {
  const asked = JSON.parse(line);
  try {
    const { data, metadata } = await sdk[asked.service][asked.method](...asked.arguments);
    return { data: data ?? null, status: metadata.status };
  } catch (error) {
    return { error: error.constructor.name, status: error.status ?? error.metadata?.status, detail: error.detail, message: error.message };
  }
}

(async () => {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
})();
