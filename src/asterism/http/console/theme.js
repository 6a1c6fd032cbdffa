// Before anything is painted: the theme that the reader chose. Not a module, so that it is not waited for.
"use strict";
{
  const chosen = localStorage.getItem("asterism-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
