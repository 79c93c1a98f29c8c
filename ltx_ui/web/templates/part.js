{# The scripts of a part of the page, as a module. #}
{% for name in scripts %}
{% include name %}
{% endfor %}
export const scripts = {
{% include "components.js" %}
};
