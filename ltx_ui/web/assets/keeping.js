(() => {
  // Each tab has its own copy of what the browser keeps; a new tab begins with the latest copy.
  const {getItem, setItem} = Storage.prototype;
  Storage.prototype.getItem = function (key) {
    const own = this === localStorage && String(key).startsWith(KEEP);
    return (own ? getItem.call(sessionStorage, key) : null) ?? getItem.call(this, key);
  };
  Storage.prototype.setItem = function (key, value) {
    if (this === localStorage && String(key).startsWith(KEEP)) setItem.call(sessionStorage, key, value);
    setItem.call(this, key, value);
  };
})();
