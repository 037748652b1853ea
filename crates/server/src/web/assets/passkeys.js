// Passkeys: asks the server for a challenge, the browser for an answer, and brings it back.
//
//   <form data-passkey="create" data-start="/…" data-finish="/…" data-origin="https://…" data-next="/…">   or "get"
//     <input name="label">  <button>…</button>  <p role="alert"></p>
//   </form>
//
// POST data-start  -> {publicKey: …}
// PUT  data-finish <- {credential: …, label: … where there is such a field}  -> nothing, or {recovery_codes: […]}
//
// Recovery codes are shown by the template of the page; else it goes on to data-next, or sends the form that data-resume names.
"use strict";

(() => {
  const toBytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

  const toText = (buffer) => {
    const characters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte));
    return btoa(characters.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  const withBytes = (options) => {
    const withId = (credential) => ({ ...credential, id: toBytes(credential.id) });
    const result = { ...options, challenge: toBytes(options.challenge) };
    if (options.user) result.user = withId(options.user);
    if (options.excludeCredentials) result.excludeCredentials = options.excludeCredentials.map(withId);
    if (options.allowCredentials) result.allowCredentials = options.allowCredentials.map(withId);
    return result;
  };

  const withText = (credential) => {
    const given = credential.response;
    const response = { clientDataJSON: toText(given.clientDataJSON) };
    if (given.attestationObject) {
      response.attestationObject = toText(given.attestationObject);
      response.transports = given.getTransports ? given.getTransports() : [];
    } else {
      response.authenticatorData = toText(given.authenticatorData);
      response.signature = toText(given.signature);
      response.userHandle = given.userHandle ? toText(given.userHandle) : null;
    }
    return {
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  // A door that must be passed first; the page leads back here from it.
  const doors = ["step-up", "pending", "not-logged-in"];

  const ask = async (method, address, body) => {
    const answer = await fetch(address, {
      method,
      credentials: "same-origin",
      redirect: "error",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
    const content = await answer.json().catch(() => ({}));
    if (answer.ok) return content;
    const error = new Error(sentence(content.detail) || `The server answered ${answer.status}.`);
    error.door = doors.includes(content.type) ? content.type : "";
    throw error;
  };

  const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

  // What browsers call their refusals, in words.
  const reasons = {
    NotAllowedError: "Nothing was confirmed, or it took too long. Try again.",
    InvalidStateError: "This authenticator is registered already.",
    NotSupportedError: "This authenticator cannot make passkeys for this server.",
    SecurityError: "The browser makes no passkeys for this address: the server needs a name and a trusted certificate.",
  };

  const show = (codes) => {
    const main = document.querySelector("main");
    main.replaceChildren(document.querySelector("template[data-recovery-codes]").content.cloneNode(true));
    main.querySelector("#recovery-codes").replaceChildren(...codes.map((text) => {
      const line = document.createElement("li");
      line.appendChild(document.createElement("code")).textContent = text;
      return line;
    }));
    for (const button of main.querySelectorAll("[data-print]")) button.hidden = false;
    main.focus();
  };

  const run = async (form) => {
    const { publicKey } = await ask("POST", form.dataset.start, {});
    const options = { publicKey: withBytes(publicKey) };
    const creates = form.dataset.passkey === "create";
    const credential = await (creates ? navigator.credentials.create(options) : navigator.credentials.get(options));
    const label = form.elements.namedItem("label");
    const body = { credential: withText(credential) };
    if (label) body.label = label.value;
    const { recovery_codes: codes } = await ask("PUT", form.dataset.finish, body);
    const resume = form.dataset.resume && document.getElementById(form.dataset.resume);
    if (codes && codes.length > 0) return show(codes);
    if (resume) return resume.requestSubmit();
    const target = new URL(form.dataset.next || "/", location.href);
    // Never to another site, whatever the page says.
    location.assign(target.origin === location.origin ? target.href : "/");
  };

  const impossible = (form) => {
    if (location.origin !== form.dataset.origin) return `Passkeys belong to the address ${form.dataset.origin}: open the server there.`;
    if (!window.PublicKeyCredential) return "This browser has no passkeys, or the server's certificate is not trusted here.";
    return "";
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const alert = form.querySelector("[role=alert]");
    const buttons = form.querySelectorAll("button");
    const why = impossible(form);
    if (why) {
      alert.textContent = why;
      buttons.forEach((button) => (button.disabled = true));
      continue;
    }
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      alert.textContent = "";
      buttons.forEach((button) => (button.disabled = true));
      try {
        await run(form);
      } catch (error) {
        if (error.door) {
          const here = encodeURIComponent(location.pathname + location.search);
          location.assign(error.door === "step-up" ? `/step-up?next=${here}` : location.href);
        }
        alert.textContent = reasons[error.name] || error.message;
      } finally {
        buttons.forEach((button) => (button.disabled = false));
      }
    });
  }
})();
