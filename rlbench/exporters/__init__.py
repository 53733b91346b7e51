"""Finished results as other programs read them: TensorBoard, W&B, marl-eval, rliable, the Hugging Face Hub."""

FORMATS = ("tensorboard", "wandb", "marl-eval", "rliable", "huggingface")
