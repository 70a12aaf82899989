// Opens links marked data-cryptopay over the page. Without it they are plain links.
(() => {
  const CLOSE = { ar: "إغلاق", de: "Schließen", es: "Cerrar", fr: "Fermer" };

  const make = (name, style) => {
    const made = document.createElement(name);
    made.style.cssText = style;
    return made;
  };

  function open(link) {
    const url = new URL(link.href);
    url.searchParams.set("embed", location.origin);
    const dialog = make("dialog", "display:flex;flex-flow:column;width:60rem;height:52rem;padding:0;border:0");
    const close = make("button", "align-self:end;width:3rem;font-size:1.5rem;border:0;background:none");
    const frame = make("iframe", "flex:1;border:0");
    const tell = (name, detail) => link.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    let heard;
    const hear = ({ origin, source, data }) => {
      if (origin !== url.origin || source !== frame.contentWindow) return;
      heard = true;
      if (data.type === "cryptopay:close") dialog.close();
      else tell(data.type, data);
    };
    close.textContent = "×";
    close.ariaLabel = CLOSE[document.documentElement.lang.slice(0, 2)] || "Close";
    close.onclick = () => dialog.close();
    frame.title = link.textContent.trim();
    frame.allow = "clipboard-write";
    frame.src = url;
    // Refused: then to the page itself.
    frame.onload = () => setTimeout(() => heard || !dialog.open || location.assign(link.href), 1500);
    addEventListener("message", hear);
    dialog.onclose = () => {
      removeEventListener("message", hear);
      dialog.remove();
      link.focus();
      tell("cryptopay:close");
    };
    dialog.append(close, frame);
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-cryptopay]");
    if (!link || event.button || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open(link);
  });
})();
