// Passkeys: a form with data-passkey asks the browser for one, puts its response into the hidden field and is sent.
// The options are on the page (create, get), or are fetched from the form's address (sign-in).

const WORDS = {
  NotAllowedError: "No passkey was used. Try again, or use another way.",
  InvalidStateError: "This device already has a passkey for your account.",
  NotSupportedError: "This device can't keep such a passkey.",
};
let waiting = null;

const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const decodeIds = (list) => (list || []).map((each) => ({ ...each, id: decode(each.id) }));

const show = (form, error) => {
  const place = form.querySelector("[data-passkey-error]");
  const said = place.querySelector("p");
  place.hidden = !error;
  if (error?.name === "SecurityError") {
    const { origin } = place.dataset;
    const link = Object.assign(document.createElement("a"), { href: origin, textContent: origin });
    said.replaceChildren("Passkeys work only at ", link, ". Open the portal there.");
  } else said.textContent = error ? WORDS[error.name] || "The passkey did not work. Try again." : "";
};

const send = (form, credential) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  form.elements.credential.value = JSON.stringify({ id: credential.id, type: credential.type, response });
  form.submit();
};

const create = async (form, { publicKey }) => {
  const isAlone = form.elements.passwordless.checked;
  return navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: decode(publicKey.challenge),
      user: { ...publicKey.user, id: decode(publicKey.user.id) },
      excludeCredentials: decodeIds(publicKey.excludeCredentials),
      authenticatorSelection: {
        residentKey: isAlone ? "required" : "discouraged",
        requireResidentKey: isAlone,
        userVerification: isAlone ? "required" : "preferred",
      },
    },
  });
};

// One request at a time, for the device or for its options.
const begin = () => {
  waiting?.abort();
  waiting = new AbortController();
  return waiting.signal;
};

const get = async ({ publicKey }, signal, options = {}) =>
  navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: decode(publicKey.challenge),
      allowCredentials: decodeIds(publicKey.allowCredentials),
    },
    signal,
    ...options,
  });

const fetchOptions = async (form, signal) => {
  const response = await fetch(form.action, { headers: { Accept: "application/json" }, signal });
  if (!response.ok) throw new Error("no options");
  return (await response.json()).request_options;
};

const optionsOnPage = () => JSON.parse(document.getElementById("passkey-options").textContent);

const ask = async (form) => {
  show(form, null);
  const signal = begin();
  try {
    if (form.dataset.passkey === "create") send(form, await create(form, optionsOnPage().creation_options));
    else if (form.dataset.passkey === "get") send(form, await get(optionsOnPage().request_options, signal));
    else send(form, await get(await fetchOptions(form, signal), signal));
  } catch (error) {
    show(form, error);
  }
};

// The browser offers passkeys in the field for the email address, where it can do that.
const offer = async (form) => {
  const signal = begin();
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  try {
    send(form, await get(await fetchOptions(form, signal), signal, { mediation: "conditional" }));
  } catch {
    // Nothing was chosen there, or a button was pressed.
  }
};

// The options come with a session's cookie. After the answer to another form it would replace the one of the sign-in.
addEventListener("submit", (event) => {
  if (!event.target.matches("[data-passkey]")) waiting?.abort();
});

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    form.hidden = form.dataset.passkey === "sign-in";
    show(form, { name: window.isSecureContext ? "NotSupportedError" : "SecurityError" });
    continue;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form);
  });
  if (form.dataset.passkey === "sign-in") {
    form.hidden = false;
    offer(form);
  }
}
