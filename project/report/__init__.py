"""Tables, figures and one web page from run directories; never imports torch."""
