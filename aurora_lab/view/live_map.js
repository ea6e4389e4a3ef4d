// Shows what the kernel has drawn: the picture, its words, and what changed last. All names in it are escaped there.
function make(name, label, parent) {
  const node = document.createElement(name);
  node.className = `aurora-lab-map-${label}`;
  parent.append(node);
  return node;
}

function render({ model, el }) {
  const root = make("section", "all", el);
  root.setAttribute("aria-label", "Live map of the region");
  const note = make("p", "note", root);
  const picture = make("div", "picture", root);
  picture.setAttribute("role", "img");
  const said = make("div", "said", root);
  said.setAttribute("role", "log");
  said.setAttribute("aria-live", "polite");
  said.setAttribute("aria-label", "What changed");
  const more = make("details", "words", root);
  make("summary", "summary", more).textContent = "The map in words";
  const words = make("pre", "text", more);

  let drawn = "";
  const set = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };
  // Lines are added and not written anew, so that a screen reader says each of them once.
  const tell = (lines) => {
    const there = Array.from(said.children, (line) => line.textContent);
    const known = lines.lastIndexOf(there.at(-1));
    for (const line of lines.slice(known + 1)) make("p", "line", said).textContent = line;
    while (said.children.length > lines.length) said.firstChild.remove();
  };
  const update = () => {
    const shown = model.get("shown");
    root.dataset.state = shown.state;
    if (drawn !== shown.svg) {
      drawn = shown.svg;
      picture.innerHTML = drawn;
      picture.setAttribute("aria-label", shown.words);
    }
    set(note, shown.note);
    tell(shown.said);
    set(words, shown.words);
  };
  model.on("change:shown", update);
  update();
  return () => model.off("change:shown", update);
}

export default { render };
