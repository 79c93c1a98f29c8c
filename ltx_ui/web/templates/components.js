{# Scripts of components, by their names: functions of what Gradio gives one. #}
{% for name in components %}
"{{ name }}": ({element, trigger, props, watch}) => {
{% include name %}
},
{% endfor %}
