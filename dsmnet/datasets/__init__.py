"""Published stereo data sets, each as a folder tree and its codecs, and folders of your own."""
