// Passkeys: asks the server for a challenge, the browser for an answer, and brings it back.
//
//   <form data-passkey="create" data-start="/…" data-finish="/…">     or data-passkey="get"
//     <input name="label">  <button>…</button>  <p role="alert"></p>
//   </form>
//
// POST data-start  -> {publicKey: …}
// POST data-finish <- {label: …, credential: …}  -> {next: "/…"}
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

  const post = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      redirect: "error",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(content.detail || content.title || `The server answered ${answer.status}.`);
    return content;
  };

  // What browsers call their refusals, in words.
  const reasons = {
    NotAllowedError: "Nothing was confirmed, or it took too long. Try again.",
    InvalidStateError: "This authenticator is registered already.",
    NotSupportedError: "This authenticator cannot make passkeys for this server.",
    SecurityError: "The browser makes no passkeys for this address: the server needs a name and a trusted certificate.",
  };

  const run = async (form) => {
    const { publicKey } = await post(form.dataset.start, {});
    const options = { publicKey: withBytes(publicKey) };
    const creates = form.dataset.passkey === "create";
    const credential = await (creates ? navigator.credentials.create(options) : navigator.credentials.get(options));
    const label = form.elements.namedItem("label");
    const body = { credential: withText(credential) };
    if (label) body.label = label.value;
    const { next } = await post(form.dataset.finish, body);
    const target = new URL(next || location.href, location.href);
    // Never to another site, whatever was answered.
    location.assign(target.origin === location.origin ? target.href : "/");
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const alert = form.querySelector("[role=alert]");
    const buttons = form.querySelectorAll("button");
    if (!window.PublicKeyCredential) {
      alert.textContent = "This browser has no passkeys, or the server's certificate is not trusted here.";
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
        alert.textContent = reasons[error.name] || error.message;
      } finally {
        buttons.forEach((button) => (button.disabled = false));
      }
    });
  }
})();
